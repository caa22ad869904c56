"""nbgrader: solutions/ is what we write, exercises/ is what students get."""

c = get_config()  # noqa: F821 (nbgrader defines it)

c.CourseDirectory.course_id = "ulmfit"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.submitted_directory = "submissions"
c.CourseDirectory.autograded_directory = "runs/grading/autograded"
c.CourseDirectory.feedback_directory = "runs/grading/feedback"
c.CourseDirectory.db_url = "sqlite:///runs/grading/gradebook.db"

# What a stub says to a student who runs it.
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("replace this line by your code")'}
c.ClearSolutions.text_stub = "*Your answer here.*"

# Marks come from the values-only checker: students' code runs in its sandbox, never in a kernel of nbgrader's.
c.Autograde.sanitize_preprocessors = [
    "ulmfit_lib.grading.nbgrader_steps.Mend",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "ulmfit_lib.grading.nbgrader_steps.Mark",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# What `nbgrader zip_collect` reads from the names in a zip of downloaded/NN_stage/archive/: ada_01_tokenization.ipynb,
# ada_01_tokenization_attempt_2026-05-01-10-00-00_01_tokenization.ipynb or ada/01_tokenization.ipynb. (`make grade`
# knows the names that platforms give, and needs no such step.)
_ATTEMPT = r"(?:_\d\d_[a-z_]+_attempt_[^/]*?)?"
c.FileNameCollectorPlugin.named_regexp = rf".*/(?P<student_id>[^/]+?){_ATTEMPT}[/_](?P<file_id>\d\d_[a-z_]+)\.ipynb$"

# What late days cost: nothing by default. For a tenth of the points a day after two free days:
# c.LateDays.free_days = 2
# c.LateDays.share_a_day = 0.1
c.AssignLatePenalties.plugin_class = "ulmfit_lib.grading.late.LateDays"
