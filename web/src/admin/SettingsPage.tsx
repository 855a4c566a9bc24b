import { type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../ui/Button";
import form from "../ui/Form.module.css";
import styles from "./Admin.module.css";
import { Listing } from "./Listing";
import { useChange, useList } from "./queries";

interface Setting {
  name: string;
  value: string | number | string[];
  default: string | number | string[];
  description: string;
  type: string;
  choices: string[];
  origin: string;
}

const LINES = /\n+/;

/** What an administrator may change while the server runs; what its operator has fixed is shown only. */
export function SettingsPage() {
  const list = useList<Setting[]>("/settings");
  const change = useChange();
  return (
    <Listing query={list} change={change}>
      {(settings) => (
        <div className={styles.cards}>
          {settings.map((one) => (
            <Card
              // its field begins anew with what the server says
              key={`${one.name} ${JSON.stringify(one.value)}`}
              one={one}
              save={(value) => change.mutate({ path: "/settings", method: "PATCH", body: { [one.name]: value } })}
            />
          ))}
        </div>
      )}
    </Listing>
  );
}

function Card({ one, save }: { one: Setting; save: (value: Setting["value"] | null) => void }) {
  const { t } = useTranslation();
  const fixed = !["default", "administrator"].includes(one.origin);
  const label = t(`admin.settings.names.${one.name.replace(".", "_")}`, one.name);

  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get("value"));
    if (one.type === "array") save(text.split(LINES).map((line) => line.trim()).filter(Boolean));
    else save(one.type === "string" ? text : Number(text));
  }

  return (
    <form className={styles.card} onSubmit={onSubmit}>
      <label className={form.field}>
        <span className={form.label}>{label}</span>
        <Field one={one} disabled={fixed} />
      </label>
      <p className={styles.meta}>
        <code>{one.name}</code>
        <span lang="en">{one.description}</span>
        {fixed && <span>{t("admin.settings.fixed", { origin: one.origin })}</span>}
      </p>
      {!fixed && (
        <div className={form.buttons}>
          {one.origin === "administrator" && (
            <Button icon="again" onClick={() => save(null)}>
              {t("admin.settings.reset", { value: String(one.default) || "–" })}
            </Button>
          )}
          <Button type="submit" kind="primary">
            {t("admin.settings.save")}
          </Button>
        </div>
      )}
    </form>
  );
}

function Field({ one, disabled }: { one: Setting; disabled: boolean }) {
  const { t } = useTranslation();
  if (one.choices.length)
    return (
      <select name="value" defaultValue={String(one.value)} disabled={disabled}>
        {one.choices.map((choice) => (
          <option key={choice} value={choice}>
            {t(`admin.settings.choices.${choice}`, choice)}
          </option>
        ))}
      </select>
    );
  if (Array.isArray(one.value))
    return <textarea name="value" rows={3} dir="auto" defaultValue={one.value.join("\n")} disabled={disabled} />;
  if (one.type === "string") return <input name="value" dir="auto" defaultValue={String(one.value)} disabled={disabled} />;
  return <input name="value" type="number" min={0} required defaultValue={Number(one.value)} disabled={disabled} />;
}
