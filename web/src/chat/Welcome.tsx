import { useTranslation } from "react-i18next";
import { Icon } from "../ui/Icon";
import styles from "./Welcome.module.css";

/** The beginning of a conversation: what this is, in three lines. */
export function Welcome() {
  const { t } = useTranslation();
  return (
    <section className={styles.welcome}>
      <h2 className={styles.title}>{t("welcome.title")}</h2>
      <ul className={styles.promises} role="list">
        <li>
          <Icon name="check" />
          {t("welcome.checked")}
        </li>
        <li>
          <Icon name="document" />
          {t("welcome.opened")}
        </li>
        <li>
          <Icon name="empty" />
          {t("welcome.silent")}
        </li>
      </ul>
    </section>
  );
}
