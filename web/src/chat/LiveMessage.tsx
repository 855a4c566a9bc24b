import { useTranslation } from "react-i18next";
import { Icon } from "../ui/Icon";
import { Button } from "../ui/Button";
import { ProblemNote } from "../ui/Problem";
import { Spinner } from "../ui/Spinner";
import styles from "./AnswerMessage.module.css";
import type { Live } from "./live";
import { Sentences } from "./Sentences";

const SHOWN_SOURCES = 4;

/** An answer that is being given: the sources being read, then sentence by checked sentence. */
export function LiveMessage({ live, retry, dismiss }: { live: Live; retry: () => void; dismiss: () => void }) {
  const { t } = useTranslation();
  const titles = [...new Set((live.evidence ?? []).map((one) => one.title || one.source))];
  const waiting = live.phase !== "ended";
  return (
    <article className={styles.answer} aria-label={t("answer.label")} aria-busy={waiting}>
      <div className={styles.progress}>
        {live.claims.length > 0 && <Sentences claims={live.claims} citations={live.citations} fresh />}
        {waiting && (
          <Spinner
            label={
              live.phase === "writing" && live.claims.length === 0
                ? t("live.reading", { count: live.evidence?.length ?? 0 })
                : t(`live.${live.phase}`)
            }
          />
        )}
        {waiting && live.claims.length === 0 && titles.length > 0 && (
          <ul className={styles.sources} role="list">
            {titles.slice(0, SHOWN_SOURCES).map((title) => (
              <li key={title}>
                <Icon name="document" size={14} />
                <bdi>{title}</bdi>
              </li>
            ))}
          </ul>
        )}
        {live.problem && (
          <>
            <ProblemNote problem={live.problem} retry={retry} />
            <div>
              <Button onClick={dismiss}>{t("live.dismiss")}</Button>
            </div>
          </>
        )}
      </div>
    </article>
  );
}
