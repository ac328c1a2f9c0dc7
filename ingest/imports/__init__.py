"""Traffic from files: our own exports, strfry's log, nginx's access log.

A reader makes records of lines (`own`, `strfry`, `nginx`); `content` opens files; `importing` stores the records once.
What a log does not tell stays unknown: nothing is estimated.
"""
