"""The pages on which staff sign in and look after their account: plain HTML that needs no script."""
