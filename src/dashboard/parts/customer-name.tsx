import { Link } from "../routing/link.tsx";
import { address } from "../routing/router.ts";

/** A customer's id, which leads to its page, and its alias. */
export function CustomerName({ id, alias }: { id: string; alias?: string | null }) {
  return (
    <span class="name">
      <Link class="name-id" to={address("customer", { id })} title={id}>
        {id}
      </Link>
      {alias != null && (
        <span class="name-alias" title={alias}>
          {alias}
        </span>
      )}
    </span>
  );
}
