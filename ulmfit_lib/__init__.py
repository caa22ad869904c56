"""Every stage of ULMFiT, one module a stage, in the order in which the data flows.

text -> rules -> tokenizer -> vocab -> streams -> awd_lstm -> fine_tuning
     -> padding -> classifier -> freezing -> ensemble

Importing this package imports none of the heavy libraries; import the stage you want:
`from ulmfit_lib.rules import apply_rules`. From a table to a forward and backward ensemble it takes ten lines:

    from ulmfit_lib.asking import load_classifiers
    from ulmfit_lib.data import read_texts
    from ulmfit_lib.pipeline import run

    report = run(read_texts("reviews.csv"), out="runs/reviews", resume=True)
    print(f"{report.accuracy:.1%} of the test texts")

    both = load_classifiers("runs/reviews")
    for guess in both.predict(["A dull film.", "A joy from start to end."]):
        print(guess.label, guess.probs)
"""

__version__ = "0.1.0"
