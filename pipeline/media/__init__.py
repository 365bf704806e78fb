"""What is made of films and pictures: fingerprints, faces and their templates, the moments that people look at."""
