"""A Locust file: one page that answers and, where the shop says so, one that does not."""

import os

from locust import HttpUser, constant, task


class Buyer(HttpUser):
    wait_time = constant(0.02)

    @task
    def buy(self):
        self.client.get(os.environ["PAGE"])
