import pytest

from rag.check.names import missing_names


@pytest.mark.parametrize(
    ("sentence", "evidence", "language", "missing"),
    [
        ("The manager is Maria Keller.", "Maria Keller manages the plant.", "en", []),
        ("The manager is Maria Kramer.", "Maria Keller manages the plant.", "en", ["Kramer"]),
        ("Keller decides.", "The head decides.", "en", []),  # the first word has its capital anyway
        ("It was Keller's choice.", "KELLER chose.", "en", []),
        ("Use the HS-900.", "Use the HS 900.", "en", []),
        ("Use the HS-900.", "Use the HS-410.", "en", ["HS-900"]),
        ("Connect to the VPN.", "Connect to the network.", "en", ["VPN"]),
        ("Then I go.", "Then one goes.", "en", []),
        ("Der Antrag geht an die Abteilung.", "", "de", []),
        ("Der Antrag geht an die IT.", "Er geht an den Einkauf.", "de", ["IT"]),
        ("使用HS-900型泵。", "使用HS900型泵。", "zh", []),
        ("使用HS-900型泵。", "使用HS-410型泵。", "zh", ["HS-900"]),
        ("报警E55时关闭阀门。", "报警E54时关闭阀门。", "zh", ["E55"]),
        ("The Œuvre of Dupont", "dupont", "en", []),
    ],
)
def test_missing_names(sentence, evidence, language, missing):
    assert missing_names(sentence, [evidence], language) == missing


def test_a_name_may_stand_in_any_of_the_evidence():
    assert missing_names("Ask Keller or Kramer.", ["Keller", "Kramer"], "en") == []
