"""The bot in Slack: events -> inbox -> asking -> answering -> sending, with the asker's and the channel's
rights (people). bot.py puts it together.
"""
