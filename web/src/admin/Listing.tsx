import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { problemFrom } from "../api/client";
import { ProblemNote } from "../ui/Problem";
import { Spinner } from "../ui/Spinner";

interface ListingProps<T> {
  query: { data: T | undefined; error: unknown; refetch: () => unknown };
  change?: { error: unknown };
  children: (data: T) => ReactNode;
}

/** A list with what can be wrong about it: still coming, refused, or a change that failed. */
export function Listing<T>({ query, change, children }: ListingProps<T>) {
  const { t } = useTranslation();
  return (
    <>
      {change?.error != null && <ProblemNote problem={problemFrom(change.error)} />}
      {query.error != null && <ProblemNote problem={problemFrom(query.error)} retry={() => void query.refetch()} />}
      {query.data === undefined ? query.error == null && <Spinner label={t("loading")} /> : children(query.data)}
    </>
  );
}
