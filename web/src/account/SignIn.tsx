import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { json, problemFrom, type Problem } from "../api/client";
import { changeSession } from "../api/queries";
import type { Session } from "../api/types";
import { Button } from "../ui/Button";
import form from "../ui/Form.module.css";
import { Logo } from "../ui/Logo";
import { ProblemNote } from "../ui/Problem";
import styles from "./SignIn.module.css";

export function SignIn({ ways }: { ways: Session["sign_in"] }) {
  const { t } = useTranslation();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);

  async function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    setBusy(true);
    setProblem(null);
    try {
      const body = { name: String(fields.get("name")), password: String(fields.get("password")) };
      changeSession(await json<Session>("/session", { method: "POST", body }));
    } catch (error) {
      setProblem(problemFrom(error));
      setBusy(false);
    }
  }

  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <Logo />
        <h1>{t("sign_in.title")}</h1>
        {ways.oidc && (
          <a className={styles.provider} href="/v1/session/oidc">
            {t("sign_in.oidc", { name: ways.oidc.name })}
          </a>
        )}
        {ways.oidc && ways.password && <p className={styles.or}>{t("sign_in.or")}</p>}
        {ways.password && (
          <form className={form.form} onSubmit={(event) => void onSubmit(event)}>
            <label className={form.field}>
              <span className={form.label}>{t("sign_in.name")}</span>
              <input name="name" autoComplete="username" required autoFocus dir="auto" />
            </label>
            <label className={form.field}>
              <span className={form.label}>{t("sign_in.password")}</span>
              <input name="password" type="password" autoComplete="current-password" required />
            </label>
            {problem && <ProblemNote problem={problem} />}
            <Button kind="primary" type="submit" disabled={busy}>
              {t("sign_in.submit")}
            </Button>
          </form>
        )}
        {!ways.oidc && !ways.password && <p className={styles.hint}>{t(ways.proxy ? "sign_in.proxy" : "sign_in.link")}</p>}
      </div>
    </main>
  );
}
