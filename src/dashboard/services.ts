import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Api } from "./api/api.ts";
import type { Live } from "./api/live.ts";
import type { Notices } from "./parts/notices.ts";
import type { Router } from "./routing/router.ts";
import type { Session } from "./session/session.ts";
import type { Theme } from "./theme/theme.ts";

/** What components use of the world outside. Made once in main.tsx. */
export interface Services {
  readonly api: Api;
  readonly session: Session;
  readonly live: Live;
  readonly router: Router;
  readonly notices: Notices;
  readonly theme: Theme;
}

export const ServicesContext = createContext<Services | null>(null);

export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (services === null) throw new Error("There are no services around this component");
  return services;
}
