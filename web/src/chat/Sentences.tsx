import type { Citation, Claim } from "../api/types";
import { Chip } from "./Chip";
import { Markdown } from "./Markdown";
import styles from "./Sentences.module.css";
import { ClaimMark } from "./Verdict";

interface SentencesProps {
  claims: readonly Claim[];
  citations: readonly Citation[];
  language?: string;
  fresh?: boolean;
}

/** The answer, sentence by sentence, each with its sources and its verdict in the margin. */
export function Sentences({ claims, citations, language, fresh }: SentencesProps) {
  const known = new Map(citations.map((one) => [one.n, one]));
  return (
    <ul className={styles.sentences} lang={language} role="list">
      {claims.map((claim, at) => (
        <li key={`${at}:${claim.start}`} className={`${styles.sentence} ${fresh ? styles.fresh : ""}`} data-verdict={claim.verdict}>
          <div className={`${styles.text} ${claim.verdict === "quoted" ? styles.quoted : ""}`} dir="auto">
            <Markdown text={claim.text} />
            <span className={styles.chips}>
              {claim.citations.map((n) => {
                const citation = known.get(n);
                return citation && <Chip key={n} citation={citation} />;
              })}
            </span>
          </div>
          <ClaimMark claim={claim} />
        </li>
      ))}
    </ul>
  );
}
