import { useTranslation } from "react-i18next";
import type { Job } from "../api/types";
import { count, duration, moment } from "../format";
import { Button } from "../ui/Button";
import { Table } from "../ui/Table";
import styles from "./Admin.module.css";
import { Listing } from "./Listing";
import { useChange, useList } from "./queries";

export function JobsPage() {
  const { t, i18n } = useTranslation();
  const list = useList<{ jobs: Job[] }>("/jobs", { limit: 100 }, 2000);
  const change = useChange();
  return (
    <Listing query={list} change={change}>
      {({ jobs }) => (
        <Table
          caption={t("admin.jobs.title")}
          rows={jobs}
          rowKey={(one) => one.id}
          empty={t("admin.jobs.none")}
          columns={[
            {
              name: "source",
              title: t("admin.jobs.source"),
              cell: (one) => (
                <>
                  <strong>{one.source || one.kind}</strong>
                  <small>{t(`admin.jobs.by.${one.requested_by}`)}</small>
                </>
              ),
            },
            {
              name: "state",
              title: t("admin.state"),
              cell: (one) => <JobState job={one} />,
            },
            { name: "progress", title: t("admin.jobs.progress"), cell: (one) => <Progress job={one} /> },
            { name: "created", title: t("admin.jobs.created"), cell: (one) => moment(one.created, i18n.language) },
            {
              name: "actions",
              title: "",
              cell: (one) =>
                !one.finished && (
                  <Button
                    icon="stop"
                    onClick={() => change.mutate({ path: `/jobs/${one.id}/cancel`, method: "POST" })}
                  >
                    {t("cancel")}
                  </Button>
                ),
            },
          ]}
        />
      )}
    </Listing>
  );
}

export function JobState({ job }: { job: Job }) {
  const { t } = useTranslation();
  return (
    <span className={styles.state} data-state={job.state}>
      {t(`admin.jobs.states.${job.state}`, job.state)}
    </span>
  );
}

export function Progress({ job }: { job: Job }) {
  const { t, i18n } = useTranslation();
  const number = (value: number | undefined) => count(value ?? 0, i18n.language);
  if (job.error) {
    return (
      <span className={styles.error}>
        {job.error} <small>{job.remedy}</small>
      </span>
    );
  }
  if (job.finished) {
    const { added, updated, removed, failed } = job.report ?? {};
    if (added === undefined) return null;
    return t("admin.jobs.report", {
      added: number(added),
      updated: number(updated),
      removed: number(removed),
      failed: number(failed),
    });
  }
  return (
    <span className={styles.progress}>
      <progress
        max={job.total || 1}
        value={job.total ? job.done : undefined}
        aria-label={t("admin.jobs.progress")}
      />
      <small>
        {number(job.done)} / {number(job.total)}
        {job.seconds_left !== null && ` · ${duration(job.seconds_left * 1000, i18n.language)}`} <bdi>{job.current}</bdi>
      </small>
    </span>
  );
}
