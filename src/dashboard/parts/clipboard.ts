/** Browsers give the clipboard to https and localhost only; elsewhere the old way still works. */
export async function writeClipboard(text: string): Promise<void> {
  if (window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  // Under a modal dialog the rest of the page cannot be selected.
  const home = document.activeElement?.closest("dialog") ?? document.body;
  home.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
