/** What the page reads and changes, as React Query knows it. */

import {
  type InfiniteData,
  MutationCache,
  QueryCache,
  QueryClient,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { json, ProblemError, send, setCsrf } from "./client";
import type {
  Boxes,
  Collection,
  Conversation,
  DocumentRow,
  Feedback,
  FeedbackIn,
  Page,
  Session,
  TextWindow,
  WholeConversation,
} from "./types";

/** A session that has ended meanwhile leads back to the sign-in. */
function onError(error: unknown): void {
  if (error instanceof ProblemError && error.problem.status === 401) {
    void queryClient.invalidateQueries({ queryKey: ["session"] });
  }
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      // a refusal stays one; a lost connection may come back
      retry: (count, error) => count < 2 && !(error instanceof ProblemError && error.problem.status < 500),
    },
  },
});

export async function fetchSession(): Promise<Session> {
  const session = await json<Session>("/session");
  setCsrf(session.csrf);
  return session;
}

/** Somebody else sits here now: what the one before has seen must not be shown. */
export function changeSession(session: Session): void {
  setCsrf(session.csrf);
  queryClient.setQueryData(["session"], session);
  queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== "session" });
}

export function useSession() {
  return useQuery({ queryKey: ["session"], queryFn: fetchSession, staleTime: 300_000 });
}

export function useConversations(q: string) {
  return useInfiniteQuery({
    queryKey: ["conversations", q],
    queryFn: ({ pageParam, signal }) =>
      json<Page<Conversation>>("/conversations", { query: { q, limit: 40, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    placeholderData: (before: InfiniteData<Page<Conversation>, string | null> | undefined) => before,
  });
}

export function useConversation(id: string | undefined) {
  return useQuery({
    queryKey: ["conversation", id],
    queryFn: ({ signal }) => json<WholeConversation>(`/conversations/${id}`, { signal }),
    enabled: id !== undefined,
  });
}

type Change = { title?: string; active?: string; collections?: string[] };

export function useChangeConversation() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...change }: Change & { id: string }) =>
      json<Conversation>(`/conversations/${id}`, { method: "PATCH", body: change }),
    onMutate: ({ id, ...change }) => {
      client.setQueryData<WholeConversation>(["conversation", id], (old) => old && { ...old, ...change });
    },
    onSettled: (_data, _error, { id }) => {
      void client.invalidateQueries({ queryKey: ["conversation", id] });
      void client.invalidateQueries({ queryKey: ["conversations"] });
    },
  });
}

export function useDeleteConversation() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => send(`/conversations/${id}`, { method: "DELETE" }),
    onSuccess: (_data, id) => {
      client.removeQueries({ queryKey: ["conversation", id] });
      void client.invalidateQueries({ queryKey: ["conversations"] });
    },
  });
}

export function beginConversation(collections: string[]): Promise<Conversation> {
  return json<Conversation>("/conversations", { method: "POST", body: { collections } });
}

export function useFeedback(conversation: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ message, given }: { message: string; given: FeedbackIn | null }) => {
      const path = `/conversations/${conversation}/messages/${message}/feedback`;
      return given
        ? json<Feedback>(path, { method: "PUT", body: given })
        : send(path, { method: "DELETE" }).then(() => null);
    },
    onSuccess: (feedback, { message }) => {
      client.setQueryData<WholeConversation>(
        ["conversation", conversation],
        (old) =>
          old && {
            ...old,
            messages: old.messages.map((one) => (one.id === message ? { ...one, feedback } : one)),
          },
      );
    },
  });
}

export function useCollections() {
  return useQuery({
    queryKey: ["collections"],
    queryFn: ({ signal }) => json<Collection[]>("/collections", { signal }),
  });
}

export function useDocument(id: string) {
  return useQuery({
    queryKey: ["document", id],
    queryFn: ({ signal }) => json<DocumentRow>(`/documents/${id}`, { signal }),
  });
}

export function useText(id: string, start: number, end: number) {
  return useQuery({
    queryKey: ["text", id, start, end],
    queryFn: ({ signal }) => json<TextWindow>(`/documents/${id}/text`, { query: { start, end }, signal }),
  });
}

export function useBoxes(id: string, start: number, end: number, enabled: boolean) {
  return useQuery({
    queryKey: ["boxes", id, start, end],
    queryFn: ({ signal }) => json<Boxes>(`/documents/${id}/boxes`, { query: { start, end }, signal }),
    enabled,
  });
}
