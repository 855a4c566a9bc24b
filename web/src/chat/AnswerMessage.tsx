import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Message } from "../api/types";
import { Button } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { Actions } from "./Actions";
import styles from "./AnswerMessage.module.css";
import { Disagreements, Gaps, Nearest, Notices } from "./Asides";
import { Inspect } from "./Inspect";
import { Sentences } from "./Sentences";
import { Siblings } from "./Siblings";
import { liveAnswers } from "./store";
import { AnswerMark } from "./Verdict";

interface AnswerMessageProps {
  conversation: string;
  message: Message;
  siblings: string[];
  last: boolean;
  busy: boolean;
  again: (answer: string) => void;
  ask: (question: string) => void;
  show: (message: string) => void;
}

/** A finished answer. */
export function AnswerMessage(props: AnswerMessageProps) {
  const { conversation, message, siblings, last, busy, again, ask, show } = props;
  const { t } = useTranslation();
  const [inspecting, setInspecting] = useState(false);
  const { answer } = message;
  return (
    <article className={styles.answer} aria-label={t("answer.label")} data-message={message.id}>
      {message.status !== "done" && <Broken status={message.status} />}
      {answer && (
        <>
          {answer.claims.length > 0 ? (
            <>
              <AnswerMark verdict={answer.verdict} />
              <Sentences claims={answer.claims} citations={answer.citations} language={answer.language} />
            </>
          ) : (
            <p className={styles.nothing} lang={answer.language} dir="auto" data-verdict={answer.verdict}>
              <Icon name="empty" size={22} />
              {answer.answer || t(`verdict.answer.${answer.verdict}`)}
            </p>
          )}
          <Notices answer={answer} />
          <Disagreements answer={answer} />
          <Gaps answer={answer} ask={last && !busy ? ask : undefined} />
          <Nearest answer={answer} />
        </>
      )}
      <footer className={styles.footer}>
        <Siblings own={message.id} siblings={siblings} show={show} />
        <Actions
          conversation={conversation}
          message={message}
          busy={busy}
          again={() => again(message.id)}
          inspecting={inspecting}
          inspect={() => setInspecting(!inspecting)}
        />
      </footer>
      {inspecting && answer && <Inspect answer={answer} evidence={liveAnswers.evidence.get(message.id)} />}
      {last && !busy && message.suggestions.length > 0 && (
        <nav className={styles.suggestions} aria-label={t("answer.suggestions")}>
          {message.suggestions.map((question) => (
            <Button key={question} onClick={() => ask(question)} className={styles.suggestion}>
              <bdi>{question}</bdi>
            </Button>
          ))}
        </nav>
      )}
    </article>
  );
}

function Broken({ status }: { status: Message["status"] }) {
  const { t } = useTranslation();
  return (
    <p className={styles.broken}>
      <Icon name={status === "stopped" ? "stop" : "doubt"} size={15} />
      {t(`answer.status.${status}`)}
    </p>
  );
}
