import { useTranslation } from "react-i18next";
import type { Live } from "./live";

/** Tells screen readers each sentence once it is finished and checked; never half of one. */
export function Announcer({ live }: { live: Live | undefined }) {
  const { t } = useTranslation();
  const last = live?.claims.at(-1);
  return (
    <p className="unseen" role="log" aria-live="polite" aria-atomic="true">
      {live?.phase === "reconnecting"
        ? t("live.reconnecting")
        : last && `${last.text} ${t(`verdict.claim.${last.verdict}`)}`}
    </p>
  );
}
