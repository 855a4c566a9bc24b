import { useTranslation } from "react-i18next";
import type { Problem } from "../api/client";
import { Button } from "./Button";
import { Icon } from "./Icon";
import styles from "./Problem.module.css";

/** What went wrong and what to do about it; the server's own words where it has some. */
export function ProblemNote({ problem, retry }: { problem: Problem; retry?: () => void }) {
  const { t } = useTranslation();
  const detail = problem.status === 0 ? problem.detail || t("problem.unreachable") : problem.detail;
  return (
    <div role="alert" className={styles.note}>
      <Icon name="doubt" />
      <div>
        <p className={styles.detail}>{detail}</p>
        {problem.remedy && <p className={styles.remedy}>{problem.remedy}</p>}
        {problem.status >= 500 && problem.request_id && (
          <p className={styles.remedy}>{t("problem.request", { id: problem.request_id })}</p>
        )}
      </div>
      {retry && (
        <Button icon="again" onClick={retry}>
          {t("retry")}
        </Button>
      )}
    </div>
  );
}
