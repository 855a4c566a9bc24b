import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { problemFrom, type Problem, ProblemError } from "../api/client";
import { beginConversation, queryClient, useChangeConversation, useConversation } from "../api/queries";
import { DropZone } from "../upload/DropZone";
import { Uploads } from "../upload/Uploads";
import { useUploads } from "../upload/store";
import { ProblemNote } from "../ui/Problem";
import { Spinner } from "../ui/Spinner";
import { Announcer } from "./Announcer";
import styles from "./ChatPage.module.css";
import { Composer } from "./Composer";
import { liveAnswers, useLive } from "./store";
import { Thread } from "./Thread";
import { Welcome } from "./Welcome";

/** A conversation, or the beginning of one. */
export function ChatPage({ id }: { id: string | undefined }) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  const whole = useConversation(id);
  const live = useLive(id);
  const change = useChangeConversation();
  const uploads = useUploads();
  const field = useRef<HTMLTextAreaElement>(null);
  const [draft, setDraft] = useState("");
  const [chosen, setChosen] = useState<string[]>([]);
  const [problem, setProblem] = useState<Problem | null>(null);
  const collections = whole.data?.collections ?? chosen;
  const busy = live !== undefined && live.phase !== "ended";

  useResume(id, whole.data);
  useEffect(() => {
    setProblem(null);
    // a phone's keyboard must not cover a conversation that is only to be read
    if (matchMedia("(hover: hover)").matches) field.current?.focus();
  }, [id]);

  function choose(names: string[]) {
    setChosen(names);
    if (id) change.mutate({ id, collections: names });
  }

  async function ask(content: string, parent: string | null) {
    setProblem(null);
    if (live && !busy && id) liveAnswers.dismiss(id);
    try {
      let conversation = id;
      if (!conversation) {
        const begun = await beginConversation(chosen);
        queryClient.setQueryData(["conversation", begun.id], { ...begun, active: null, messages: [] });
        conversation = begun.id;
        navigate(`/c/${begun.id}`);
      }
      await liveAnswers.ask(conversation, content, parent);
    } catch (error) {
      setProblem(problemFrom(error));
      setDraft(content);
    }
  }

  function send() {
    const content = draft.trim();
    setDraft("");
    void ask(content, whole.data?.active ?? null);
  }

  const missing = whole.error instanceof ProblemError && whole.error.problem.status === 404;
  return (
    <DropZone drop={uploads.add}>
      <div className={styles.scroller} data-scroller tabIndex={-1}>
        {!id && <Welcome />}
        {id && whole.isPending && <Spinner label={t("loading")} />}
        {whole.error && (
          <div className={styles.note}>
            <ProblemNote problem={problemFrom(whole.error)} retry={missing ? undefined : () => void whole.refetch()} />
          </div>
        )}
        {whole.data && <Thread whole={whole.data} live={live} ask={(content, parent) => void ask(content, parent)} />}
      </div>
      <div className={styles.foot}>
        {problem && <ProblemNote problem={problem} />}
        <Uploads uploads={uploads} choose={choose} />
        <Composer
          field={field}
          draft={draft}
          setDraft={setDraft}
          send={send}
          stop={busy && id ? () => void liveAnswers.stop(id) : null}
          collections={collections}
          choose={choose}
          upload={uploads.add}
        />
        <p className={styles.small}>{t("composer.promise")}</p>
      </div>
      <Announcer live={live} />
    </DropZone>
  );
}

/** Takes up an answer that was being given when this page was opened. */
function useResume(id: string | undefined, whole: ReturnType<typeof useConversation>["data"]): void {
  useEffect(() => {
    if (!id || !whole || liveAnswers.get(id)) return;
    const answer = whole.messages.find((one) => one.status === "streaming" && one.id === whole.active);
    const question = whole.messages.find((one) => one.id === answer?.parent);
    if (answer && question) void liveAnswers.resume(id, question, answer);
  }, [id, whole]);
}
