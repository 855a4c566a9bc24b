import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Answer, Claim, Quote } from "../api/types";
import { targetOfCitation, useOpenDocument } from "../document/opened";
import { count, duration, percent } from "../format";
import styles from "./Inspect.module.css";

/** How an answer came about: the evidence, what each layer of the check said, times and tokens. */
export function Inspect({ answer, evidence }: { answer: Answer; evidence: Quote[] | undefined }) {
  const { t, i18n } = useTranslation();
  const language = i18n.language;
  const scores = Object.entries(answer.scores);
  return (
    <section className={styles.inspect} aria-label={t("inspect.title")}>
      {answer.standalone_question && answer.standalone_question !== answer.question && (
        <Part title={t("inspect.understood")}>
          <p dir="auto">{answer.standalone_question}</p>
        </Part>
      )}
      <Part title={t("inspect.evidence")}>
        <EvidenceList answer={answer} evidence={evidence} />
      </Part>
      <Part title={t("inspect.checks")}>
        <Checks claims={answer.claims} />
      </Part>
      <dl className={styles.facts}>
        {scores.map(([name, value]) => (
          <Fact key={name} name={t(`inspect.scores.${name}`, name)} value={percent(value, language)} />
        ))}
        {Object.entries(answer.timings_ms).map(([name, value]) => (
          <Fact key={name} name={t(`inspect.steps.${name}`, name)} value={duration(value, language)} />
        ))}
        {Object.entries(answer.usage).map(([name, value]) => (
          <Fact key={name} name={t(`inspect.usage.${name}`, name)} value={count(value, language)} />
        ))}
        {answer.model && (
          <Fact name={t("inspect.model")} value={`${answer.model.name} · ${answer.model.licence}`} />
        )}
      </dl>
    </section>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className={styles.part}>
      <h3>{title}</h3>
      {children}
    </div>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function EvidenceList({ answer, evidence }: { answer: Answer; evidence: Quote[] | undefined }) {
  const { t, i18n } = useTranslation();
  const open = useOpenDocument();
  const cited = new Set(answer.citations.map((one) => one.n));
  const quotes: (Quote | (typeof answer.citations)[number])[] = evidence ?? answer.citations;
  return (
    <>
      <ol className={styles.evidence} role="list">
        {quotes.map((one) => (
          <li key={one.n} data-cited={cited.has(one.n)}>
            <span className={styles.number}>[{one.n}]</span>
            <button type="button" onClick={() => open(targetOfCitation(one))} dir="auto">
              {one.quote}
              <small>
                <bdi>{one.title || one.source}</bdi>
                {cited.has(one.n) ? "" : ` · ${t("inspect.unused")}`}
              </small>
            </button>
            {"score" in one && (
              <span className={styles.score}>
                <meter min={0} max={1} value={one.score} aria-label={t("inspect.score", { n: one.n })} />
                {percent(one.score, i18n.language)}
              </span>
            )}
          </li>
        ))}
      </ol>
      {!evidence && <p className={styles.hint}>{t("inspect.cited_only")}</p>}
    </>
  );
}

function Checks({ claims }: { claims: Claim[] }) {
  const { t, i18n } = useTranslation();
  if (!claims.length) return <p className={styles.hint}>{t("inspect.no_sentence")}</p>;
  return (
    <ol className={styles.checks} role="list">
      {claims.map((claim) => (
        <li key={claim.start}>
          <p dir="auto">
            {claim.text}{" "}
            <strong>
              {t(`verdict.claim.${claim.verdict}`)} · {percent(claim.score, i18n.language)}
            </strong>
          </p>
          <dl>
            {Object.entries(claim.signals).map(([name, value]) => (
              <div key={name}>
                <dt>{t(`inspect.signals.${name}`, name)}</dt>
                <dd>{typeof value === "number" ? Number(value.toFixed(3)) : String(value)}</dd>
              </div>
            ))}
          </dl>
        </li>
      ))}
    </ol>
  );
}
