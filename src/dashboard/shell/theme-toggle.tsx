import { useObserved } from "../use-observed.ts";
import { Icon } from "../parts/icon.tsx";
import { useServices } from "../services.ts";

export function ThemeToggle() {
  const { theme } = useServices();
  const isDark = useObserved(theme.current) === "dark";
  return (
    <button type="button" class="side-button" onClick={theme.toggle}>
      <Icon name={isDark ? "sun" : "moon"} />
      {isDark ? "Light theme" : "Dark theme"}
    </button>
  );
}
