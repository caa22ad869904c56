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

# What late days cost: nothing by default. For a tenth of the points a day after two free days:
# c.LateDays.free_days = 2
# c.LateDays.share_a_day = 0.1
c.AssignLatePenalties.plugin_class = "ulmfit_lib.grading.late.LateDays"
