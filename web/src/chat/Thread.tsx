import { useEffect, useRef } from "react";
import { useChangeConversation } from "../api/queries";
import type { WholeConversation } from "../api/types";
import { AnswerMessage } from "./AnswerMessage";
import type { Live } from "./live";
import { LiveMessage } from "./LiveMessage";
import { liveAnswers } from "./store";
import styles from "./Thread.module.css";
import { branch, newestTip, type Step } from "./tree";
import { UserMessage } from "./UserMessage";

interface ThreadProps {
  whole: WholeConversation;
  live: Live | undefined;
  ask: (content: string, parent: string | null) => void;
}

/** The shown branch of a conversation, and below it the answer that is being given. */
export function Thread({ whole, live, ask }: ThreadProps) {
  const change = useChangeConversation();
  const shown = shownSteps(whole, live);
  const busy = live !== undefined && live.phase !== "ended";
  const tip = shown.at(-1)?.message;
  const show = (through: string) =>
    change.mutate({ id: whole.id, active: newestTip(whole.messages, through) });
  const again = (answer: string) => {
    const question = whole.messages.find(
      (one) => one.id === whole.messages.find((other) => other.id === answer)?.parent,
    );
    if (question) void liveAnswers.again(whole.id, question, answer);
  };
  const end = useFollow(shown.length, live);
  return (
    <div className={styles.thread}>
      {shown.map(({ message, siblings }) =>
        message.role === "user" ? (
          <UserMessage
            key={message.id}
            id={message.id}
            content={message.content}
            siblings={siblings}
            busy={busy}
            show={show}
            edit={(content) => ask(content, message.parent)}
          />
        ) : (
          <AnswerMessage
            key={message.id}
            conversation={whole.id}
            message={message}
            siblings={siblings}
            last={message === tip && !live}
            busy={busy}
            again={again}
            ask={(question) => ask(question, message.id)}
            show={show}
          />
        ),
      )}
      {live && (
        <>
          {!shown.some((step) => step.message.id === live.user?.id) && (
            <UserMessage content={live.question} busy={busy} />
          )}
          <LiveMessage
            live={live}
            retry={() => retry(whole.id, live, ask)}
            dismiss={() => liveAnswers.dismiss(whole.id)}
          />
        </>
      )}
      <div ref={end} className={styles.end} />
    </div>
  );
}

/** The branch above what is being given: its own messages are shown live. */
function shownSteps(whole: WholeConversation, live: Live | undefined): Step[] {
  if (!live) return branch(whole.messages, whole.active);
  const known = live.user && whole.messages.some((one) => one.id === live.user!.id);
  return branch(whole.messages, known ? live.user!.id : live.parent);
}

function retry(conversation: string, live: Live, ask: ThreadProps["ask"]): void {
  liveAnswers.dismiss(conversation);
  // only the connection was lost: the server may have gone on
  if (live.user && live.assistant && live.problem?.status === 0) {
    void liveAnswers.resume(conversation, live.user, live.assistant);
  } else if (live.user && live.assistant) void liveAnswers.again(conversation, live.user, live.assistant.id);
  else ask(live.question, live.parent);
}

/** Keeps the end in view while an answer comes, as long as the reader has not scrolled away from it. */
function useFollow(steps: number, live: Live | undefined) {
  const end = useRef<HTMLDivElement>(null);
  const sentences = live?.claims.length ?? 0;
  const phase = live?.phase;
  useEffect(() => {
    const mark = end.current;
    const scroller = mark?.closest("[data-scroller]");
    if (!mark || !scroller) return;
    const away = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    // Chromium's scrollIntoView returns a promise, which an effect must not
    if (phase === "asking" || away < 240) void mark.scrollIntoView({ block: "end" });
  }, [steps, sentences, phase]);
  return end;
}
