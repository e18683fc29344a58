# Options of `bootstrap bake` and of `bootstrap seal`, each as a list of words.
export DIB_INITIALRUNNER_BAKE=${DIB_INITIALRUNNER_BAKE:---source files --source config-drive}
export DIB_INITIALRUNNER_SEAL=${DIB_INITIALRUNNER_SEAL:---require cron}
