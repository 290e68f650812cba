console.log("cockpit");
