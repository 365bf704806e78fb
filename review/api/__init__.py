"""The addresses for programs: JSON in and out, under the same doors, rules and custody events as the pages.

Each is a `Door` that says who may pass; what it takes and gives are models, and the OpenAPI document is made of these
declarations.
"""
