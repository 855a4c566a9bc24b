"""Evaluation: a question set is asked, what comes back is kept, and figures with intervals are made of it.

questions.py    the form of a set; JSONL and CSV, read and written
public_sets.py  SQuAD's and RAGTruth's form
run.py          asks question by question into a folder, and goes on where it was stopped
matching.py     when an answer, a passage, a quote is right
figures.py      a measure over questions -> a figure with its bootstrap interval
metrics.py      the measures of answers; detectors.py: those of scores, beside trivial baselines
report.py       report.json and report.html; plot.py draws its curves
compare.py      two runs of the same questions: better, worse or undecided
make.py         drafts a set from the collection's own documents, for a person to correct
"""
