import { useTranslation } from "react-i18next";
import type { AnswerVerdict, Claim, ClaimVerdict } from "../api/types";
import { percent } from "../format";
import { Icon, type IconName } from "../ui/Icon";
import styles from "./Verdict.module.css";

const CLAIM_ICON: Record<ClaimVerdict, IconName> = {
  supported: "check",
  quoted: "quote",
  unsupported: "doubt",
  not_checked: "unknown",
};

const ANSWER_ICON: Record<AnswerVerdict, IconName> = {
  supported: "check",
  partial: "doubt",
  quoted: "quote",
  insufficient_context: "empty",
  off_topic: "empty",
  not_checked: "unknown",
};

/** What the checks say of a sentence: a mark and a word, never colour alone. */
export function ClaimMark({ claim }: { claim: Claim }) {
  const { t, i18n } = useTranslation();
  const kind = claim.signals.withheld ? "withheld" : claim.verdict;
  const sure = claim.verdict === "supported" || claim.verdict === "unsupported";
  const score = sure ? t("verdict.score", { share: percent(claim.score, i18n.language) }) : undefined;
  return (
    <span className={`${styles.mark} ${styles[claim.verdict]}`} title={score}>
      <Icon name={CLAIM_ICON[claim.verdict]} size={14} />
      <span className="unseen">{t("verdict.label")} </span>
      {t(`verdict.claim.${kind}`)}
    </span>
  );
}

/** What they say of the whole answer. */
export function AnswerMark({ verdict }: { verdict: AnswerVerdict }) {
  const { t } = useTranslation();
  return (
    <p className={`${styles.answer} ${styles[verdict]}`}>
      <Icon name={ANSWER_ICON[verdict]} size={15} />
      {t(`verdict.answer.${verdict}`)}
    </p>
  );
}
