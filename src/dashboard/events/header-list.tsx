import { CopyButton } from "../parts/copy-button.tsx";

interface HeaderListProps {
  readonly label: string;
  readonly headers: Readonly<Record<string, string>>;
}

export function HeaderList({ label, headers }: HeaderListProps) {
  const text = Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");
  return (
    <>
      <div class="panel-heading">
        <h4>{label}</h4>
        <CopyButton text={text} label={`Copy: ${label.toLowerCase()}`} />
      </div>
      <dl class="headers">
        {Object.entries(headers).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
