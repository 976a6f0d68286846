"""The room that remembers: studies, trials, workers and files, in one database.

Where to go next:

- `url.py` decides which database is meant, `database.py` opens it (the only place an engine is
  made) and `patience.py` waits for it, `schema.py` says which tables are in it, `migrations.py`
  brings older ones forward, `refusal.py` says what a driver's refusal means.
- `studies.py` keeps what was asked for, `progress.py` how far it has come, `workers.py` who is at
  work, `claims.py` who runs which trial, `parameters.py` what it is made of, `evaluations.py` what
  came out, `resume.py` what happens to the trials of the dead, `confirmations.py` what leading
  trials came to when they were trained again, `answers.py` what the test rows said.
- `artifacts.py` and `attachments.py` keep files in a place (`place.py`, `bucket.py`), which is
  the storage's own (`place_choice.py`).
- `proxied.py` lets a proxy ask the database for many processes, `proxy.py` is that proxy.
- `dashboard.py` shows everything in a browser: `guard.py` and `admission.py` say who is let in,
  `hosts.py` by which name, `server.py` listens.
- `doctor.py` looks everything over (`soundness.py`, `drive.py`, `recorded.py`, `finding.py`),
  `backup.py` copies it, `deletion.py` deletes a study.
- `errors.py` draws the tree of everything that can be caught.

Nothing is imported here, so that a caller pays only for the file it asks for.
"""
