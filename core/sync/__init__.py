"""Do sound and lips belong together?"""
