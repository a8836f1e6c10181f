# SPDX-License-Identifier: MIT
"""Which logs are in the study, which methods, and how long each searches for its options."""
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.path.join(ROOT, "..", "shared", "data")
WIDTHS = [256, 128, 64]  # of the hidden layers, as apg train has them

# columns: of encode. group, mix, domain: what is worth conditioning on. users: whose activity is the long tail.
SETS = {
    "ml-1m": dict(search=1, columns="--drop genre1 --multi genres --min-count 5", group="user_id", mix="user_id,movie_id", domain="domain", users="user_id"),
    "ml-1m-autoint": dict(search=1, columns="--multi genres", group="user_id", mix="user_id,movie_id", domain="occupation", users="user_id"),
    "ml-1m-autoint without ids": dict(search=1, data="ml-1m-autoint", columns="--multi genres --drop user_id,movie_id", group="zip", mix="age,occupation", domain="occupation", users="user_id"),
    "frappe": dict(search=1, columns="--categorical user,item,daytime,weekday,isweekend,homework,cost,weather,country,city", group="user", mix="user,item", domain="country", users="user"),
    "ml-100k": dict(columns="--drop timestamp --multi genres", group="user_id", mix="user_id,movie_id", domain="occupation", users="user_id"),
    "criteo-10k": dict(columns="", group="C9", mix="C9,C20", domain="C9"),
    "avazu-9k": dict(columns="", group="site_category", mix="site_category,app_category", domain="site_category"),
    "adult": dict(columns="", group="occupation", mix="occupation,native_country", domain="occupation"),
    "coupon": dict(columns="", group="coupon", mix="coupon,destination", domain="coupon"),
}
BACKBONES = "dnn wdl deepfm pnn dcn fibinet autoint xdeepfm difm".split()
# Methods by name; {group} and so on are the data set's. What is not said is as apg train has it.
METHODS = {
    "dense": "--layer dense",
    "default": "--condition self",
    "default group": "--condition group:{group}",
    "default domain": "--condition group:{domain}",
    "default mix": "--condition mix:{mix} --aggregate output-sum",
    "v4 self": "--form shared --condition self --rank 16",
    "v5 self": "--form overparam --condition self --rank 16",
    "v4 group": "--form shared --condition group:{group} --rank 16",
    "v5 group": "--form overparam --condition group:{group} --rank 16",
    "v4 domain": "--form shared --condition group:{domain} --rank 16",
    "v5 domain": "--form overparam --condition group:{domain} --rank 16",
    "star": "--layer star --domain {domain}",
    "ppnet": "--layer ppnet --condition group:{group}",
}
MAIN = ["dense", "default"]  # on every backbone; the others on deepfm
EQUAL = {  # static towers as large, or as slow
    "dense = weights of default": ("default", "numbers"),
    "dense = madds of default": ("default", "madds"),
}
# The search: a stage's options in turn, until one is not better than that before; the next stage adds to the best so far.
STAGES = [["--embedding-l2 %s" % x for x in ("1e-5", "1e-4", "1e-3", "1e-2", "1e-1")], ["--dropout 0.2"], ["--lr 2e-3 --embedding-lr 4e-3"]]
STAGES_OTHER = [["--embedding-l2 %s" % x for x in ("1e-4", "1e-3")]]  # of backbones other than deepfm
SEARCH_SEEDS = [101, 102, 103]  # all of them where rows are few, else the first
