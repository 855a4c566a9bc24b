import styles from "./Logo.module.css";

export function Logo() {
  return (
    <span className={styles.logo} translate="no">
      <svg width="24" height="24" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="9" className={styles.ground} />
        <path d="M9 11.5h14M9 16.5h8" className={styles.lines} />
        <path d="m16 22 3 3 5.5-7" className={styles.tick} />
      </svg>
      Citewell
    </span>
  );
}
