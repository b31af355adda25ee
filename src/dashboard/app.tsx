import { useEffect } from "preact/hooks";
import { BudgetsPage } from "./budgets/budgets-page.tsx";
import { CustomerPage } from "./customer/customer-page.tsx";
import { CustomersPage } from "./customers/customers-page.tsx";
import { EndpointsPage } from "./endpoints/endpoints-page.tsx";
import { EventsPage } from "./events/events-page.tsx";
import { ModelsPage } from "./models/models-page.tsx";
import { useObserved } from "./use-observed.ts";
import { OverviewPage } from "./overview/overview-page.tsx";
import { Link } from "./routing/link.tsx";
import { address } from "./routing/router.ts";
import { usePlace } from "./routing/use-place.ts";
import { useServices } from "./services.ts";
import { ExpiredDialog } from "./session/expired-dialog.tsx";
import { SignInPage } from "./session/sign-in-page.tsx";
import { Shell } from "./shell/shell.tsx";

/** Signed in: the pages. Otherwise the way in. */
export function App() {
  const { session, live } = useServices();
  const state = useObserved(session.state);
  const isIn = state === "open" || state === "expired";
  useEffect(() => {
    if (state === "checking") void session.resume();
  }, [session, state]);
  useEffect(() => {
    if (!isIn) return undefined;
    // A hidden page holds no connection: browsers allow only a few to one server.
    const follow = (): void => (document.hidden ? live.stop() : live.start());
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      live.stop();
    };
  }, [isIn, live]);

  if (state === "checking") return null;
  if (state === "unreachable") return <Unreachable retry={() => void session.resume()} />;
  if (state === "signed_out") return <SignInPage />;
  return (
    <>
      <Shell>
        <CurrentPage />
      </Shell>
      {state === "expired" && <ExpiredDialog />}
    </>
  );
}

function Unreachable({ retry }: { retry: () => void }) {
  return (
    <main class="sign-in">
      <div class="sign-in-card" role="alert">
        <h1>Spendhook gives no answer</h1>
        <p class="muted">The page is here, but the server behind it cannot be reached.</p>
        <button type="button" class="button button-primary" onClick={retry}>
          Try again
        </button>
      </div>
    </main>
  );
}

function CurrentPage() {
  const { page, query } = usePlace();
  const id = query.get("id");
  switch (page) {
    case "":
      return <OverviewPage />;
    case "customers":
      return <CustomersPage />;
    case "customer":
      return id === null ? <CustomersPage /> : <CustomerPage key={id} id={id} />;
    case "budgets":
      return <BudgetsPage />;
    case "events":
      return <EventsPage />;
    case "endpoints":
      return <EndpointsPage />;
    case "models":
      return <ModelsPage />;
    default:
      return (
        <>
          <h1 tabIndex={-1}>There is no such page</h1>
          <p>
            <Link to={address("")}>Go to the overview</Link>
          </p>
        </>
      );
  }
}
