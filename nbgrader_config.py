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
