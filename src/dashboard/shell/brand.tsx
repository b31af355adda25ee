export function Brand() {
  return (
    <span class="brand">
      <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
        <rect width="32" height="32" rx="8" />
        <path d="M20.5 11.2c-.9-1.4-2.5-2.2-4.5-2.2-2.7 0-4.7 1.4-4.7 3.5 0 4.9 9.6 2 9.6 6.9 0 2.2-2.1 3.6-4.9 3.6-2.2 0-4-.9-4.9-2.5" />
      </svg>
      Spendhook
    </span>
  );
}
