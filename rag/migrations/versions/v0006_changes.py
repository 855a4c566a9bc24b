"""When each document changed last, so that an index follows a change without comparing everything."""

from alembic import op

from rag.tables import change, document

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# what is written counts from the generation on that its transaction ends with
NOTE = """INSERT INTO change (document_id, generation)
    SELECT {key}, COALESCE((SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'generation'), 0) + 1
    WHERE {key} IS NOT NULL
    ON CONFLICT (document_id) DO UPDATE SET generation = excluded.generation;"""
OF_CHUNK = "(SELECT document_id FROM chunk WHERE id = NEW.chunk_id)"
TRIGGERS = (
    ("chunk", "INSERT", ("NEW.document_id",)),
    ("chunk", "DELETE", ("OLD.document_id",)),
    ("vector", "INSERT", (OF_CHUNK,)),
    ("vector", "UPDATE OF whole", (OF_CHUNK,)),
    ("document", "UPDATE OF language", ("NEW.id",)),
    ("place", "INSERT", ("NEW.document_id",)),
    ("place", "UPDATE OF document_id, collection", ("OLD.document_id", "NEW.document_id")),
    ("place", "DELETE", ("OLD.document_id",)),
    ("reader", "INSERT", ("NEW.document_id",)),
    ("reader", "UPDATE", ("OLD.document_id", "NEW.document_id")),
    ("reader", "DELETE", ("OLD.document_id",)),
)


def upgrade() -> None:
    bind = op.get_bind()
    change.create(bind)
    for index in document.indexes:
        if index.name == "document_reference":
            index.create(bind, checkfirst=True)
    for table, event, keys in TRIGGERS:
        name = f"note_{table}_{event.split()[0].lower()}"
        noted = "\n".join(NOTE.format(key=key) for key in keys)
        op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN\n{noted}\nEND")
