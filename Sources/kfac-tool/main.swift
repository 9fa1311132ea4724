print("kfac")
