"""People, their groups, sessions, keys and one-time tickets; and the record of answers.

The machine's operator is a person from the start: whoever can read this database can be no less.
"""

from alembic import op

from rag.tables_people import api_key, audit, member, person, session, ticket

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    bind = op.get_bind()
    for table in (person, member, session, ticket, api_key, audit):
        table.create(bind)
    op.execute(
        """INSERT INTO person (id, origin, subject, name, email, role, password, disabled, created)
        VALUES ('operator', 'machine', 'operator', 'operator', '', 'administrator', '', 0,
            unixepoch('now'))"""
    )
    op.execute(
        """CREATE TRIGGER audit_is_only_added_to
        BEFORE UPDATE OF id, at, channel, verdict, language, model, revision, settings, usage, ms ON audit
        BEGIN SELECT RAISE(ABORT, 'the record of answers is only added to'); END"""
    )
    op.execute(
        """CREATE TRIGGER audit_may_be_erased BEFORE UPDATE OF person_id, name, question, sentences ON audit
        WHEN NEW.person_id != '' OR NEW.name != '' OR NEW.question != ''
        BEGIN SELECT RAISE(ABORT, 'the record of answers is only added to'); END"""
    )
    op.execute("INSERT INTO setting (name, value) VALUES ('secret', lower(hex(randomblob(32))))")
