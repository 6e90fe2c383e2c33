import "../parts.css";
import { type ReactNode } from "react";
import { useText } from "../../i18n";
import { Banner, Button, Copyable, Problem } from "../../kit";
import { useSaid } from "../../said";
import { useTrust } from "./host-keys";
import { hostOf, kindOf, type Obstacle } from "./obstacle";

type Props = {
  obstacles: Obstacle[];
  /** Looks again, after something was mended. */
  onRetry: () => void;
  busy?: boolean;
  /** Leads to where the address is changed, and to where the login is. */
  toAddresses?: ReactNode;
  toLogin?: ReactNode;
};

/** What keeps hosts away, each kind with the one thing that mends it: the way, the login, the key. */
export function Obstacles({ obstacles, onRetry, busy = false, toAddresses, toLogin }: Props) {
  const t = useText();
  const trusting = useTrust(onRetry);
  const of = (kind: string) => obstacles.filter((obstacle) => kindOf(obstacle) === kind);
  const retry = <Button onClick={onRetry} busy={busy}>{t("parts.again")}</Button>;
  const changed = of("keyChanged");
  const keys = changed.flatMap(({ key }) => key ?? []);
  return (
    <>
      <Kind kind="unreachable" of={of("unreachable")}><div className="row">{retry}{toAddresses}</div></Kind>
      <Kind kind="login" of={of("login")}><div className="row">{toLogin}{retry}</div></Kind>
      <Kind kind="keyChanged" of={changed}>
        <ul>
          {keys.map(({ place, fingerprint }) => <li key={place}><span className="mono">{place}</span> <Copyable value={fingerprint} keep={16} what={t("parts.fingerprint")} /></li>)}
        </ul>
        <Problem error={trusting.error} />
        <div className="row">
          <Button kind="danger" busy={trusting.busy || busy} onClick={() => trusting.trust(keys)}>{t("parts.trustNew", { count: keys.length })}</Button>
          {retry}
        </div>
      </Kind>
      <Kind kind="other" of={of("other")}><div className="row">{retry}</div></Kind>
    </>
  );
}

/** Lines that are shown of each kind; 5,000 hosts behind one dead switch are one thing to know. */
const SHOWN = 6;

function Kind({ kind, of, children }: { kind: string; of: Obstacle[]; children: ReactNode }) {
  const t = useText();
  const say = useSaid();
  if (of.length === 0) return null;
  return (
    <Banner tone={kind === "keyChanged" ? "danger" : "warning"} title={t(`parts.obstacle.${kind}`, { count: of.length })}>
      <p>{t(`parts.mend.${kind}`)}</p>
      <ul>
        {of.slice(0, SHOWN).map((obstacle) => <li key={obstacle.pointer + obstacle.detail}><strong>{hostOf(obstacle)}</strong>{t("kit.colon")}{say(obstacle.detail)}</li>)}
        {of.length > SHOWN && <li>{t("parts.more", { count: of.length - SHOWN })}</li>}
      </ul>
      {children}
    </Banner>
  );
}
