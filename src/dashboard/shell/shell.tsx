import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "../parts/icon.tsx";
import { NoticeList } from "../parts/notice-list.tsx";
import { useAction } from "../parts/use-action.ts";
import { Link } from "../routing/link.tsx";
import { address } from "../routing/router.ts";
import { usePlace } from "../routing/use-place.ts";
import { useServices } from "../services.ts";
import { Brand } from "./brand.tsx";
import { LiveStatus } from "./live-status.tsx";
import { ThemeToggle } from "./theme-toggle.tsx";

const TABS: readonly { page: string; label: string; icon: IconName; also?: string }[] = [
  { page: "", label: "Overview", icon: "overview" },
  { page: "customers", label: "Customers", icon: "customers", also: "customer" },
  { page: "budgets", label: "Budgets", icon: "budgets" },
  { page: "events", label: "Events", icon: "events" },
  { page: "endpoints", label: "Endpoints", icon: "endpoints" },
  { page: "models", label: "Models", icon: "models" },
];

/** The frame around every page: where one can go, whether the figures are live, and the way out. */
export function Shell({ children }: { children: ComponentChildren }) {
  const { page } = usePlace();
  const main = useRef<HTMLElement>(null);
  const shown = useRef(page);
  useEffect(() => {
    if (shown.current === page) return;
    shown.current = page;
    window.scrollTo(0, 0);
    main.current?.querySelector<HTMLElement>("h1")?.focus();
  }, [page]);
  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="side">
        <Link class="side-brand" to={address("")} label="Spendhook, overview">
          <Brand />
        </Link>
        <nav class="tabs" aria-label="Dashboard">
          {TABS.map((tab) => (
            <Link
              key={tab.page}
              to={address(tab.page)}
              current={tab.page === page || tab.also === page}
              class="tab"
            >
              <Icon name={tab.icon} />
              {tab.label}
            </Link>
          ))}
        </nav>
        <SideFooter />
      </header>
      <main id="main" class="main" ref={main} tabIndex={-1}>
        {children}
      </main>
      <NoticeList />
    </div>
  );
}

function SideFooter() {
  const { session } = useServices();
  const leave = useAction(() => session.signOut());
  return (
    <div class="side-footer">
      <LiveStatus />
      <ThemeToggle />
      <button type="button" class="side-button" onClick={leave.run}>
        <Icon name="exit" />
        Sign out
      </button>
    </div>
  );
}
