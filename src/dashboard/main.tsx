import { render } from "preact";
import { createApi } from "./api/api.ts";
import { createLive } from "./api/live.ts";
import { createSend } from "./api/send.ts";
import { App } from "./app.tsx";
import { createNotices } from "./parts/notices.ts";
import { createRouter } from "./routing/router.ts";
import { ServicesContext } from "./services.ts";
import { createSession } from "./session/session.ts";
import { createTheme } from "./theme/theme.ts";

const root = document.getElementById("app");
if (root === null) throw new Error("The page has no #app");

const fetch = window.fetch.bind(window);
const session = createSession(fetch);
const services = {
  session,
  api: createApi(createSend(fetch, session)),
  live: createLive(fetch, session),
  router: createRouter(window),
  notices: createNotices(),
  theme: createTheme(window),
};

render(
  <ServicesContext.Provider value={services}>
    <App />
  </ServicesContext.Provider>,
  root,
);
