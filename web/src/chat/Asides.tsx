/** What is told beside an answer: notices, other versions that say otherwise, what is missing, what is near. */

import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Answer, Citation } from "../api/types";
import { targetOfCitation, targetOfVersion, useOpenDocument } from "../document/opened";
import { edition } from "../format";
import { Icon, type IconName } from "../ui/Icon";
import styles from "./Asides.module.css";

type Tone = "plain" | "doubt" | "quoted";

function Aside({ icon, title, tone, children }: { icon: IconName; title: string; tone: Tone; children: ReactNode }) {
  return (
    <section className={`${styles.aside} ${styles[tone]}`} aria-label={title}>
      <h3 className={styles.title}>
        <Icon name={icon} size={16} />
        {title}
      </h3>
      {children}
    </section>
  );
}

/** Notices that the sections below do not tell already. */
function plainNotices(answer: Answer): string[] {
  const told = [...answer.disagreements.map((one) => one.quote), ...answer.gaps.map((one) => one.text)];
  return answer.notices.filter((notice) => !told.some((text) => notice.includes(text)));
}

export function Notices({ answer }: { answer: Answer }) {
  const { t } = useTranslation();
  const notices = plainNotices(answer);
  if (!notices.length) return null;
  return (
    <ul className={styles.notices} aria-label={t("answer.notices")}>
      {notices.map((notice) => (
        <li key={notice} dir="auto">
          <Icon name="unknown" size={15} />
          {notice}
        </li>
      ))}
    </ul>
  );
}

export function Disagreements({ answer }: { answer: Answer }) {
  const { t, i18n } = useTranslation();
  const open = useOpenDocument();
  if (!answer.disagreements.length) return null;
  const cited = new Map(answer.citations.map((one) => [one.n, one]));
  return (
    <Aside icon="compare" title={t("disagreement.title")} tone="doubt">
      <ul className={styles.list} role="list">
        {answer.disagreements.map((one) => (
          <li key={`${one.n}:${one.document.document_id}:${one.start}`} className={styles.pair}>
            {cited.has(one.n) && <Said label={t("disagreement.cited", { n: one.n })} citation={cited.get(one.n)!} />}
            <button
              type="button"
              className={styles.said}
              onClick={() => open(targetOfVersion(one.document, one))}
            >
              <span className={styles.label}>
                {t(one.newer ? "disagreement.newer" : "disagreement.older")}{" "}
                <bdi>{[one.document.title, edition(one.document, i18n.language)].filter(Boolean).join(", ")}</bdi>
              </span>
              <q className={styles.quote} dir="auto">
                {one.quote}
              </q>
            </button>
          </li>
        ))}
      </ul>
    </Aside>
  );
}

function Said({ label, citation }: { label: string; citation: Citation }) {
  const { i18n } = useTranslation();
  const open = useOpenDocument();
  return (
    <button type="button" className={styles.said} onClick={() => open(targetOfCitation(citation))}>
      <span className={styles.label}>
        {label} <bdi>{[citation.title, edition(citation, i18n.language)].filter(Boolean).join(", ")}</bdi>
      </span>
      <q className={styles.quote} dir="auto">
        {citation.quote}
      </q>
    </button>
  );
}

export function Gaps({ answer, ask }: { answer: Answer; ask?: (question: string) => void }) {
  const { t } = useTranslation();
  const open = useOpenDocument();
  const parts = answer.gaps.filter((gap) => gap.kind === "part");
  const facts = answer.gaps.filter((gap) => gap.kind === "fact");
  const cited = new Map(answer.citations.map((one) => [one.n, one]));
  return (
    <>
      {parts.length > 0 && (
        <Aside icon="empty" title={t("gap.parts")} tone="doubt">
          <ul className={styles.list} role="list">
            {parts.map((gap) => (
              <li key={gap.text} dir="auto">
                {gap.text}{" "}
                {ask && (
                  <button type="button" className={styles.link} onClick={() => ask(gap.text)}>
                    {t("gap.ask")}
                  </button>
                )}
              </li>
            ))}
          </ul>
        </Aside>
      )}
      {facts.length > 0 && (
        <Aside icon="plus" title={t("gap.facts")} tone="quoted">
          <ul className={styles.list} role="list">
            {facts.map((gap) => {
              const source = gap.n === null ? undefined : cited.get(gap.n);
              return (
                <li key={gap.text} dir="auto">
                  <q className={styles.quote}>{gap.text}</q>{" "}
                  {source && (
                    <button type="button" className={styles.link} onClick={() => open(targetOfCitation(source))}>
                      {t("gap.source", { n: gap.n })}
                    </button>
                  )}
                </li>
              );
            })}
          </ul>
        </Aside>
      )}
    </>
  );
}

export function Nearest({ answer }: { answer: Answer }) {
  const { t, i18n } = useTranslation();
  const open = useOpenDocument();
  if (!answer.nearest.length) return null;
  return (
    <Aside icon="document" title={t("nearest.title")} tone="plain">
      <ul className={styles.documents} role="list">
        {answer.nearest.map((one) => (
          <li key={one.document_id}>
            <button type="button" className={styles.document} onClick={() => open(targetOfVersion(one))}>
              <Icon name="document" size={16} />
              <bdi>{one.title || one.source}</bdi>
              <span>{edition(one, i18n.language)}</span>
            </button>
          </li>
        ))}
      </ul>
    </Aside>
  );
}
