import { HoverCard } from "radix-ui";
import { useTranslation } from "react-i18next";
import type { Citation } from "../api/types";
import { targetOfCitation, useOpenDocument } from "../document/opened";
import { edition } from "../format";
import { Icon } from "../ui/Icon";
import styles from "./Chip.module.css";

const CONTEXT_CHARS = 420;

/** [n]: hovering or focusing it shows where it points, pressing it opens the document there. */
export function Chip({ citation }: { citation: Citation }) {
  const { t, i18n } = useTranslation();
  const open = useOpenDocument();
  const { n, title, page, heading, quote, superseded_by } = citation;
  const when = edition(citation, i18n.language);
  const chip = (
    <button
      type="button"
      className={`${styles.chip} ${superseded_by ? styles.old : ""}`}
      aria-label={t("citation.open", { n, title: title || citation.source })}
      onClick={() => open(targetOfCitation(citation))}
    >
      {n}
    </button>
  );
  // a finger cannot hover: it opens the document at once
  if (!matchMedia("(hover: hover)").matches) return chip;
  return (
    <HoverCard.Root openDelay={120} closeDelay={120}>
      <HoverCard.Trigger asChild>{chip}</HoverCard.Trigger>
      <HoverCard.Portal>
        <HoverCard.Content className={styles.card} sideOffset={6} collisionPadding={12} side="top">
          <p className={styles.title}>
            <Icon name="document" size={16} />
            <bdi>{title || citation.source}</bdi>
          </p>
          <p className={styles.place}>
            {[when, page !== null && t("citation.page", { page }), heading.join(" › ")].filter(Boolean).join(" · ")}
          </p>
          <blockquote className={styles.quote} dir="auto">
            {quote.length > CONTEXT_CHARS ? `${quote.slice(0, CONTEXT_CHARS)}…` : quote}
          </blockquote>
          {superseded_by && (
            <p className={styles.superseded}>
              <Icon name="history" size={15} />
              {t("citation.superseded", {
                title: [superseded_by.title, edition(superseded_by, i18n.language)].filter(Boolean).join(", "),
              })}
            </p>
          )}
        </HoverCard.Content>
      </HoverCard.Portal>
    </HoverCard.Root>
  );
}
