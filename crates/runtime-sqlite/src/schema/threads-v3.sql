-- Schema 3 adds why a thread is stuck: as JSON, how often, why, and with which versions of the code. Until `wake_at` it is
-- offered to none of these. A program that knows an older schema is offered it all the same.

ALTER TABLE thread ADD COLUMN stuck TEXT;
