"""Every stage of ULMFiT, one module a stage, in the order in which the data flows.

text -> rules -> tokenizer -> vocab -> streams -> awd_lstm -> fine_tuning
     -> padding -> classifier -> freezing -> ensemble

Importing this package imports none of the heavy libraries; import the stage you want:
`from ulmfit_lib.rules import apply_rules`.
"""

__version__ = "0.1.0"
