import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { json, type Request, send } from "../api/client";
import type { Page } from "../api/types";

/** A list that the server answers as a whole; asked again every `every` milliseconds where given. */
export function useList<T>(path: string, query: Request["query"] = {}, every: number | false = false) {
  return useQuery({
    queryKey: ["admin", path, query],
    queryFn: ({ signal }) => json<T>(path, { query, signal }),
    refetchInterval: every,
    staleTime: 0,
  });
}

/** A list that comes page by page. */
export function usePages<T>(path: string, query: Request["query"] = {}) {
  return useInfiniteQuery({
    queryKey: ["admin", path, query],
    queryFn: ({ pageParam, signal }) => json<Page<T>>(path, { query: { ...query, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    staleTime: 0,
  });
}

/** A change; whatever an administrator's page shows is asked for again after it. */
export function useChange() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ path, ...request }: Request & { path: string }) =>
      send(path, request).then((response) => (response.status === 204 ? null : (response.json() as Promise<unknown>))),
    onSuccess: () => client.invalidateQueries({ queryKey: ["admin"] }),
  });
}
