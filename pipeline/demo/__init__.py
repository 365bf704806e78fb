"""The material of `lastseen demo`: a clip, a register and a video site, made at the moment they are needed.

Nothing is copied into the project: the portraits and the scenery are public-domain or CC0 pictures that scikit-image
and matplotlib carry, the remaining faces are drawn.
"""
