import { useEffect, useState } from "react";
import { useText } from "../i18n";

/** What is being loaded, drawn only when it takes longer than an eye notices. */
export function Skeleton({ rows = 4 }: { rows?: number }) {
  const t = useText();
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="skeleton" role="status" aria-label={t("kit.loading")}>
      {late && Array.from({ length: rows }, (_, row) => <div key={row} />)}
    </div>
  );
}
