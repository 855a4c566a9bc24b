import { useSyncExternalStore } from "react";
import { queryClient } from "../api/queries";
import type { Message, WholeConversation } from "../api/types";
import { type Live, LiveAnswers } from "./live";

/** Put a finished answer where the page shows it from, then let the server say how things stand. */
async function settle(live: Live): Promise<void> {
  const key = ["conversation", live.conversation];
  const { user, assistant, answer } = live;
  if (user && assistant && answer) {
    const { suggestions, ...given } = answer;
    const done: Message = { ...assistant, status: "done", content: given.answer, answer: given, suggestions };
    queryClient.setQueryData<WholeConversation>(key, (old) => {
      if (!old) return old;
      const others = old.messages.filter((one) => one.id !== user.id && one.id !== done.id);
      return { ...old, active: done.id, messages: [...others, user, done] };
    });
  }
  void queryClient.invalidateQueries({ queryKey: ["conversations"] });
  await queryClient.invalidateQueries({ queryKey: key });
}

export const liveAnswers = new LiveAnswers(settle);

export function useLive(conversation: string | undefined): Live | undefined {
  return useSyncExternalStore(liveAnswers.subscribe, () => liveAnswers.get(conversation));
}
